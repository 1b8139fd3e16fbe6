#include "shard/hdf5/hdf5_confine.h"

#include <dirent.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define ARCHITECTURE AUDIT_ARCH_PPC64LE
#else
#error "name this architecture's AUDIT_ARCH_ here"
#endif

#define MEMORY_MAX ((rlim_t)2 << 30)
/* The file, the output, what is printed, and the file once more, opened by HDF5. */
#define DESCRIPTORS 4

/* --- The filter --- */

/* What HDF5 needs to read a file that it opens by name, what memory takes, and what the sanitizers ask for. Nothing here
 * gives back a descriptor but openat, and the limit lets that succeed once. */
static const int allowed[] = {
    /* the file, and what is said */
    SYS_read,
    SYS_pread64,
    SYS_lseek,
    SYS_write,
    SYS_openat,
    SYS_newfstatat,
    SYS_fstat,
    SYS_readlinkat,
    SYS_getcwd,
#ifdef SYS_open
    SYS_open,
    SYS_stat,
    SYS_lstat,
    SYS_readlink,
#endif
#ifdef SYS_statx
    SYS_statx,
#endif
    /* memory */
    SYS_brk,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    /* time, and itself */
    SYS_futex,
    SYS_clock_gettime,
    SYS_gettimeofday,
    SYS_getpid,
    SYS_getppid,
    SYS_gettid,
    SYS_getuid,
    SYS_getrusage,
    SYS_sched_yield,
    SYS_getrandom,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_restart_syscall,
    SYS_exit,
    SYS_exit_group,
};

/* Allowed where what is asked for is not executed. */
static const int allowed_unexecuted[] = {SYS_mmap, SYS_mprotect};
#define PROTECTION 2 /* the argument that says */

#define COUNT(list) (sizeof(list) / sizeof *(list))
/* Two instructions a call, four where an argument counts, and five around them. */
#define INSTRUCTIONS (2 * COUNT(allowed) + 4 * COUNT(allowed_unexecuted) + 5)

#define LOAD(member)                                                                                         \
    (struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define RETURN(action) (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, action)
#define SKIP_UNLESS(value, instructions)                                                                     \
    (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, instructions)
#define SKIP_WHERE_SET(bits, instructions)                                                                   \
    (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (uint32_t)(bits), instructions, 0)

static bool filter_calls(void)
{
    const struct sock_filter deny = RETURN(SECCOMP_RET_ERRNO | EPERM);
    struct sock_filter code[INSTRUCTIONS];
    unsigned short used = 0;
    /* Another architecture's number stays in the place of the call's, and is that of no call. */
    code[used++] = LOAD(arch);
    code[used++] = SKIP_UNLESS(ARCHITECTURE, 1);
    code[used++] = LOAD(nr);
    for (size_t i = 0; i < COUNT(allowed); i++) {
        code[used++] = SKIP_UNLESS(allowed[i], 1);
        code[used++] = RETURN(SECCOMP_RET_ALLOW);
    }
    for (size_t i = 0; i < COUNT(allowed_unexecuted); i++) {
        code[used++] = SKIP_UNLESS(allowed_unexecuted[i], 3);
        code[used++] = LOAD(args[PROTECTION]); /* its lower half, which is all of it */
        code[used++] = SKIP_WHERE_SET(PROT_EXEC, 1);
        code[used++] = RETURN(SECCOMP_RET_ALLOW);
    }
    code[used++] = deny;
    const struct sock_fprog filter = {.len = used, .filter = code};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0;
}

/* --- Limits --- */

static bool close_all_from(int first)
{
#ifdef SYS_close_range
    if (syscall(SYS_close_range, first, ~0U, 0) == 0) {
        return true;
    }
#endif
    DIR *directory = opendir("/proc/self/fd");
    if (!directory) {
        return false;
    }
    for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        int descriptor = atoi(entry->d_name);
        if (descriptor >= first && descriptor != dirfd(directory)) {
            close(descriptor);
        }
    }
    closedir(directory);
    return true;
}

/* One that is tighter already stays. */
static bool limit(__rlimit_resource_t resource, rlim_t soft, rlim_t hard)
{
    struct rlimit now;
    if (getrlimit(resource, &now) != 0) {
        return false;
    }
    now.rlim_max = hard < now.rlim_max ? hard : now.rlim_max;
    now.rlim_cur = soft < now.rlim_max ? soft : now.rlim_max;
    return setrlimit(resource, &now) == 0;
}

static bool limit_memory(void)
{
#ifdef H5_SANITIZED
    return true; /* whose shadow of all memory is terabytes */
#else
    return limit(RLIMIT_AS, MEMORY_MAX, MEMORY_MAX);
#endif
}

static bool is_filtered(void)
{
    const char *wanted = getenv(H5_CONFINE_SWITCH);
    return !wanted || strcmp(wanted, "off") != 0;
}

bool h5_confine(unsigned seconds, char *why, size_t size)
{
    const char *failed = NULL;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        failed = "ending with its parent";
    } else if (!close_all_from(DESCRIPTORS - 1)) {
        failed = "closing its descriptors";
    } else if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        failed = "giving up rights";
    } else if (!limit(RLIMIT_CORE, 0, 0) || !limit(RLIMIT_FSIZE, 0, 0)) {
        failed = "the limit on files that are written";
    } else if (!limit(RLIMIT_NOFILE, DESCRIPTORS, DESCRIPTORS)) {
        failed = "the limit on open files";
    } else if (!limit(RLIMIT_CPU, seconds, seconds + 1)) { /* the first ends it by a signal that tells why */
        failed = "the limit on computing";
    } else if (!limit_memory()) {
        failed = "the limit on memory";
    } else if (is_filtered() && !filter_calls()) {
        failed = "the filter of system calls";
    }
    if (failed) {
        snprintf(why, size, "%s: %s", failed, strerror(errno));
    }
    return !failed;
}
