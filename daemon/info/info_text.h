/* Descriptions of what is no HDF5 file: texts, tables, logs, event files, networks. Private to info.c, which
 * says what is common to all: they print to `output`, and STATUS_DATA says what cannot be read.
 */
#ifndef DAIL_DAEMON_INFO_INFO_TEXT_H
#define DAIL_DAEMON_INFO_INFO_TEXT_H

#include "proto/error.h"

#include <stdio.h>

/* The text whole, below a line that says what it is. */
enum status info_text(const char *path, const char *what, FILE *output, struct error *error);

enum status info_config(const char *path, FILE *output, struct error *error);
enum status info_log(const char *path, FILE *output, struct error *error);
enum status info_events(const char *path, FILE *output, struct error *error);
enum status info_overlap(const char *path, FILE *output, struct error *error);
enum status info_roc(const char *path, FILE *output, struct error *error);
enum status info_class_names(const char *path, FILE *output, struct error *error);
enum status info_packing(const char *path, FILE *output, struct error *error);
enum status info_network(const char *path, const char *format, FILE *output, struct error *error);
enum status info_picture(const char *path, FILE *output, struct error *error);
enum status info_page(const char *path, FILE *output, struct error *error);

#endif
