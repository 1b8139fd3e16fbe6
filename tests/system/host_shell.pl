#!/usr/bin/perl
# A remote shell for the tests, in the place of ssh:
#   host_shell.pl serve ADDRESS    answers there, as the first process of a "host"
#   host_shell.pl HOST COMMAND...  runs a command there and exits as it does; 255: the host does not answer
use strict;
use warnings;
use IO::Socket::INET;
use POSIX qw(setsid WNOHANG);

my $port = 514;

sub answer {
    my ($client) = @_;
    $SIG{CHLD} = 'DEFAULT';
    my $command = <$client>;
    exit 0 unless defined $command;
    chomp $command;
    my $shell = fork;
    if ($shell == 0) {
        setsid;
        open STDIN, '<', '/dev/null';
        open STDOUT, '>&', $client;
        open STDERR, '>&', $client;
        exec 'sh', '-c', $command;
        exit 127;
    }
    waitpid $shell, 0;
    print $client 'exit ', ($? & 127 ? 128 + ($? & 127) : $? >> 8), "\n";
    exit 0;
}

if (@ARGV and $ARGV[0] eq 'serve') {
    my $server = IO::Socket::INET->new(LocalAddr => $ARGV[1], LocalPort => $port, Listen => 64, ReuseAddr => 1)
        or die "cannot listen on $ARGV[1]: $!\n";
    $SIG{CHLD} = sub { 1 while waitpid(-1, WNOHANG) > 0 };
    while (1) {
        my $client = $server->accept or next;
        my $child = fork;
        answer($client) if defined $child and $child == 0;
        close $client;
    }
}

shift while @ARGV and $ARGV[0] =~ /^-/;
my $host = shift;
my $server = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port, Timeout => 3) or exit 255;
print $server "@ARGV\n";
while (my $line = <$server>) {
    exit $1 if $line =~ /^exit (\d+)$/;
    syswrite STDOUT, $line;
}
exit 255;
