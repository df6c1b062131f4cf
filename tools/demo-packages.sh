# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh

# To be sourced: finds out what is missing on this machine, says so, and
# installs it with apt or dnf.
#
#   need TEST DEBIAN FEDORA WHY   note a package if TEST does not hold; "-" is
#                                 a distribution that has no such package
#   install_missing yes|no        install what was noted, or only name it

missing=
missing_text=

# Whether a pattern matches any file.
first_of ()
{
  # shellcheck disable=SC2086
  set -- $1
  [ -e "$1" ]
}

# TEST is a program's name, or pc:MODULE for pkg-config, or file:PATTERN.
is_there ()
{
  case $1 in
    pc:*) pkg-config --exists "${1#pc:}" 2> /dev/null ;;
    file:*) first_of "${1#file:}" ;;
    *) PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin command -v "$1" > /dev/null ;;
  esac
}

package_manager ()
{
  if command -v apt-get > /dev/null; then
    echo apt-get
  elif command -v dnf > /dev/null; then
    echo dnf
  fi
}

need ()
{
  is_there "$1" && return
  case $(package_manager) in
    apt-get) package=$2 ;;
    dnf) package=$3 ;;
    *) package=${1#*:} ;;
  esac
  [ "$package" = - ] && return
  case " $missing " in *" $package "*) return ;; esac
  missing="$missing${missing:+ }$package"
  missing_text="$missing_text$(printf '    %-20s %s' "$package" "$4")
"
}

as_root ()
{
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo > /dev/null; then
    sudo "$@"
  else
    echo "You are not root and there is no sudo. As root, run:  $*"
    return 1
  fi
}

# What this release does not have is left out: that which needs it will say
# so, and may do without.
known_to_apt ()
{
  for package in $missing; do
    if apt-cache show "$package" > /dev/null 2>&1; then
      echo "$package"
    fi
  done
}

run_package_manager ()
{
  case $(package_manager) in
    apt-get)
      as_root apt-get -qq update || return
      # shellcheck disable=SC2046
      as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
        --no-install-recommends install $(known_to_apt) ;;
    dnf)
      # shellcheck disable=SC2086
      as_root dnf -q -y --setopt=install_weak_deps=False \
        --setopt=strict=False install $missing ;;
    *)
      echo "There is neither apt-get nor dnf: please install these by hand."
      return 1 ;;
  esac
}

install_missing ()
{
  [ -n "$missing" ] || return 0
  if [ "$1" != yes ]; then
    printf '  missing, and not installed as you asked:\n%s' "$missing_text"
    return 1
  fi
  printf '  missing, to be installed now with %s:\n%s' \
    "$(package_manager)" "$missing_text"
  package_log=$(mktemp) || return
  if run_package_manager > "$package_log" 2>&1; then
    installed=0
  else
    installed=1
    sed 's/^/    | /' "$package_log"
  fi
  rm -f "$package_log"
  return $installed
}
