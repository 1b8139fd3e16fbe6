/* How the files of a dataset are called, and which manifest of a folder they are of. A dataset that is replaced gets files
 * of another generation, so that the old one stays whole until the new manifest is there:
 *   generation 1          <name>-<nnnnn>.h5, <name>.classes.txt
 *   generation g above 1  <name>-g<g>-<nnnnn>.h5, <name>-g<g>.classes.txt
 * Private to shard/dataset/. */
#ifndef DAIL_SHARD_DATASET_DATASET_FILE_H
#define DAIL_SHARD_DATASET_DATASET_FILE_H

#include "proto/error.h"
#include "shard/name_list.h"
#include "shard/shard.h"

#include <stdint.h>

#define DATASET_FILE_SIZE (SHARD_NAME_MAX + 48) /* of a file's name, with the terminator */

/* The name of a shard, and of the file of class names, in file[DATASET_FILE_SIZE]. */
void dataset_shard_file(const char *dataset, uint32_t generation, uint32_t shard, char *file);
void dataset_class_file(const char *dataset, uint32_t generation, char *file);

/* The generation of a file that is called as one of these; 0 for every other. */
uint32_t dataset_file_generation(const char *dataset, const char *file);

/* The generation after all that have a file in the folder: 1 where none has. STATUS_DATA. */
enum status dataset_next_generation(const char *directory, const char *dataset, uint32_t *generation,
                                    struct error *error);

/* All files that the manifests of the folder list, sorted. STATUS_DATA where the system fails to read one. */
enum status dataset_listed_files(const char *directory, struct name_list *files, struct error *error);

/* STATUS_USAGE names another manifest than <dataset>.yaml that lists files which are called as this dataset's. */
enum status dataset_check_owner(const char *directory, const char *dataset, struct error *error);

#endif
