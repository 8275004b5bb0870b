# Installing and packaging; included by ../Makefile.
# SPDX-License-Identifier: Apache-2.0
