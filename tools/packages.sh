# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh

# For the tools that install what they miss. A tool sources this file, says
# `need` for each thing, then `install_missing`.

packages_required=
packages_wanted=

has_thing ()
{
  case $1 in
    # Not every user's PATH has the folders of mke2fs and sfdisk.
    command:*) PATH=$PATH:/usr/sbin:/sbin command -v "${1#*:}" ;;
    module:*) pkg-config --exists "${1#*:}" ;;
    python:*) /usr/bin/python3 -c "import ${1#*:}" ;;
    flag:*) echo 'int main (void) { return 0; }' |
              cc "${1#*:}" -x c - -o /dev/null ;;
    file:*) test -e "${1#*:}" ;;
  esac >/dev/null 2>&1
}

package_manager ()
{
  if command -v apt-get >/dev/null; then
    echo apt-get
  elif command -v dnf >/dev/null; then
    echo dnf
  fi
}

# need must|may THING DEBIAN-PACKAGE FEDORA-PACKAGE
# A package that is called - does not exist there.
need ()
{
  if has_thing "$2"; then
    return
  fi

  package=$3
  if [ "$(package_manager)" = dnf ]; then
    package=$4
  fi

  case $1:$package in
    *:-) ;;
    must:*) packages_required="$packages_required $package" ;;
    may:*) packages_wanted="$packages_wanted $package" ;;
  esac
}

as_root ()
{
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif [ -t 0 ]; then
    sudo "$@"
  else
    sudo -n "$@"
  fi
}

# install_packages PACKAGE...
# What goes wrong is on standard error; the rest is long, and nobody's news.
install_packages ()
{
  case $(package_manager) in
    apt-get) as_root env DEBIAN_FRONTEND=noninteractive \
               apt-get -qq -y --no-install-recommends install "$@" \
               >/dev/null ;;
    dnf) as_root dnf -q -y --setopt=install_weak_deps=False install "$@" \
           >/dev/null ;;
  esac
}

# install_missing WHY yes|no
# Says what is missing and why, and installs it if that is allowed. Fails if
# something is missing that is needed by all means.
install_missing ()
{
  if [ -z "$packages_required$packages_wanted" ]; then
    return 0
  fi

  echo "To $1, these packages are missing here:"
  echo " $packages_required$packages_wanted"

  if [ "$2" = no ] || [ -z "$(package_manager)" ]; then
    echo "They are not installed (no package manager, or --no-install)."
    [ -z "$packages_required" ]
    return
  fi
  if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
    echo "Installing them takes root, and there is no sudo. Please run, as root:"
    echo "  $(package_manager) install$packages_required$packages_wanted"
    [ -z "$packages_required" ]
    return
  fi

  echo "Installing them with $(package_manager)."
  if [ "$(package_manager)" = apt-get ]; then
    as_root apt-get -qq update
  fi
  # Package names have no spaces.
  # shellcheck disable=SC2086
  install_packages $packages_required $packages_wanted && return
  # One name that this release does not know spoils the whole order.
  # shellcheck disable=SC2086
  if [ -n "$packages_required" ]; then
    install_packages $packages_required || return
  fi
  for package in $packages_wanted; do
    install_packages "$package" || echo "Going on without $package."
  done
}
