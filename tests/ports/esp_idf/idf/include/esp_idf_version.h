/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ESP_IDF_VERSION_H
#define ESP_IDF_VERSION_H

#define ESP_IDF_VERSION_VAL(major, minor, patch) ((major) << 16 | (minor) << 8 | (patch))
#define ESP_IDF_VERSION ESP_IDF_VERSION_VAL(IDF_VERSION_MAJOR, IDF_VERSION_MINOR, 0)

#endif
