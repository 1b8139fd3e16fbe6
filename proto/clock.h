/* The time. */
#ifndef DAIL_PROTO_CLOCK_H
#define DAIL_PROTO_CLOCK_H

/* Seconds since some moment, that go on evenly whatever is done to the machine's date: for lengths of time. */
double clock_monotonic(void);

/* Unix seconds. */
double clock_unix(void);

#endif
