/* A folder of identities to be imported, parted by zero bytes: the list of those to include, of those to
 * exclude, then image files "<identity>/<image>".
 * Covers: shard/folder.c shard/name_filter.c */
#include "shard/folder.h"
#include "tests/fuzz/fuzz.h"

#include <ftw.h>
#include <sys/stat.h>

enum { FILES_MAX = 16 };

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

/* Only what one component of a path can be: nothing leads out of the folder. */
static int is_name(const char *name)
{
    return name[0] != '\0' && strlen(name) < 128 && !strchr(name, '/') && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

static void make_image(const char *root, char *name)
{
    char path[1024], *slash = strchr(name, '/');
    if (!slash) {
        return;
    }
    *slash = '\0';
    if (!is_name(name) || !is_name(slash + 1)) {
        return;
    }
    snprintf(path, sizeof path, "%s/%s", root, name);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/%s", root, name, slash + 1);
    FILE *file = fopen(path, "wb");
    if (file) {
        fclose(file);
    }
}

static const char *write_list(const char *name, const char *text, char *path, size_t size)
{
    if (!text || text[0] == '\0') {
        return NULL;
    }
    fuzz_write(name, (const uint8_t *)text, strlen(text), path, size);
    return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char root[512], include[512], exclude[512];
    struct folder folder;
    struct error error;
    char *included = fuzz_next_text(&data, &size), *excluded = fuzz_next_text(&data, &size), *name;
    const struct folder_filter filter = {.include = write_list("include", included, include, sizeof include),
                                         .exclude = write_list("exclude", excluded, exclude, sizeof exclude),
                                         .min_images = size % 3};
    fuzz_path("faces", root, sizeof root);
    mkdir(root, 0777);
    for (int i = 0; i < FILES_MAX && (name = fuzz_next_text(&data, &size)); i++) {
        make_image(root, name);
        free(name);
    }
    if (folder_list(root, &filter, &folder, &error) == STATUS_OK) {
        fuzz_require(folder.count > 0 && folder.images > 0, "a folder that was listed has images");
        folder_free(&folder);
    }
    nftw(root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(included);
    free(excluded);
    return 0;
}
