/* What a child does that looks into an HDF5 file (hdf5_child.h): the only place where HDF5 reads one. The
 * file is open on descriptor 0, what is found goes to descriptor 1. */
#ifndef DAIL_SHARD_HDF5_HDF5_SURVEY_H
#define DAIL_SHARD_HDF5_HDF5_SURVEY_H

/* Exit code where nothing could be said. */
#define H5_SURVEY_FAILED 1

/* {H5_SURVEY_DESCRIBE}: the description of the file.
 * {H5_SURVEY_DECODE, identity, type, begin, count}: the values of rows of an array, in blocks, each after its
 * length in bytes as u32; after a length of 0 there is text, why there are no more. */
#define H5_SURVEY_DESCRIBE "describe"
#define H5_SURVEY_DECODE "decode"

/* Returns the exit code. */
int h5_survey_run(int count, char **arguments);

#endif
