#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Read a GIR for names that would hide GObject's own in a binding.

Usage: check-gir.py GIR

Python, JavaScript and Vala put the methods, properties, signals and virtual
functions of a class in one name space with those of GObject, and the nearer
one wins: a method notify() would make g_object_notify() unreachable.
"""

import sys
import xml.etree.ElementTree as ET

CORE = '{http://www.gtk.org/introspection/core/1.0}'
GLIB = '{http://www.gtk.org/introspection/glib/1.0}'

# What GObject.Object offers to its heirs, here and in the overrides of
# PyGObject, GJS and Vala.
METHODS = set('''
    bind_property bind_property_full chain connect connect_after connect_data
    connect_object connect_object_after disconnect disconnect_by_func emit
    emit_stop_by_name force_floating freeze_notify get_data get_properties
    get_property get_qdata getv handler_block handler_block_by_func
    handler_disconnect handler_is_connected handler_unblock
    handler_unblock_by_func interface_find_property is_floating newv notify
    notify_by_pspec ref ref_count ref_sink replace_data run_dispose set
    set_data set_properties set_property steal_data steal_qdata
    stop_emission stop_emission_by_name thaw_notify toString unref watch_closure
    weak_ref
'''.split())
VFUNCS = set('''
    constructed dispatch_properties_changed dispose finalize get_property
    notify set_property
'''.split())


def introspectable(node, tag):
    return [child for child in node.findall(tag)
            if child.get('introspectable') != '0']


def names(node, tag):
    return {child.get('name').replace('-', '_')
            for child in introspectable(node, tag)}


def hidden_names(node):
    """Yields what a type hides of GObject, or of itself."""
    name = node.get('name')
    methods = names(node, CORE + 'method')
    if node.tag != CORE + 'record':
        for clash in sorted((methods | names(node, GLIB + 'signal')) &
                            METHODS):
            yield f'{name}.{clash} hides that of GObject'
        for clash in sorted(names(node, CORE + 'virtual-method') & VFUNCS):
            yield f'{name}.vfunc_{clash} hides that of GObject'
    for clash in sorted(methods & names(node, CORE + 'property')):
        yield f'{name}.{clash} is a method and a property'


def missing_wrappers(node):
    """Yields the virtual functions that nobody can call."""
    methods = names(node, CORE + 'method')
    for vfunc in introspectable(node, CORE + 'virtual-method'):
        invoker = vfunc.get('invoker', vfunc.get('name'))
        if invoker not in methods:
            yield (f'{node.get("name")}.vfunc_{vfunc.get("name")} has no '
                   'public method that calls it')


def undocumented(node):
    """Yields the public symbols without a version."""
    name = node.get('name')
    if not node.get('version'):
        yield f'{name} has no Since'
    for tag in ('constructor', 'function', 'method'):
        for child in introspectable(node, CORE + tag):
            if not child.get('version'):
                yield f'{name}.{child.get("name")} has no Since'


def main():
    namespace = ET.parse(sys.argv[1]).getroot().find(CORE + 'namespace')
    types = [node for tag in ('class', 'interface', 'record')
             for node in introspectable(namespace, CORE + tag)
             if not node.get(GLIB + 'is-gtype-struct-for')
             and node.get('disguised') != '1']
    checks = [
        ('no name hides one of GObject', hidden_names),
        ('every virtual function has a public method', missing_wrappers),
        ('every symbol says since when it is there', undocumented),
    ]
    failed = False
    print(f'1..{len(checks)}')
    for number, (name, check) in enumerate(checks, 1):
        faults = [fault for node in types for fault in check(node)]
        failed = failed or bool(faults)
        print(f'{"not ok" if faults else "ok"} {number} - {name}')
        for fault in faults:
            print(f'# {fault}')
    return failed


if __name__ == '__main__':
    sys.exit(main())
