/* What a backbone is, in five values: of a configuration, a network, a checkpoint, a trace and whatever is exported. */
#ifndef DAIL_PROTO_CONFIG_NETWORK_H
#define DAIL_PROTO_CONFIG_NETWORK_H

struct network {
    const char *arch; /* iresnet10, iresnet18, iresnet34, iresnet50, iresnet100, iresnet200 */
    int input; /* side in pixels, a multiple of 16 */
    int embedding; /* D */
    double width; /* scales 64,128,256,512; each rounded to a multiple of 8, at least 8 */
    double dropout; /* before the FC: probability of a zero */
};

#endif
