#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Read a GIR as the author of a script would meet it.

Usage: check-gir.py GIR

Python, JavaScript and Vala put the methods, properties, signals and virtual
functions of a class in one name space with those of GObject, and the nearer
one wins: a method notify() would make g_object_notify() unreachable. What
has no annotation that makes it usable is left out by the bindings without a
word, so that only a look into the GIR finds it.
"""

import keyword
import sys
import xml.etree.ElementTree as ET

CORE = '{http://www.gtk.org/introspection/core/1.0}'
GLIB = '{http://www.gtk.org/introspection/glib/1.0}'
CTYPE = '{http://www.gtk.org/introspection/c/1.0}type'
IDENTIFIER = '{http://www.gtk.org/introspection/c/1.0}identifier'

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

# What scripts do not see, and what they have in its place: methods of the same
# type, or nothing where the language has variables for it.
TWINS = {
    'vhu_chain_get_data': [],
    'vhu_chain_get_readable_iov': ['read_bytes'],
    'vhu_chain_get_writable_iov': ['write_bytes'],
    'vhu_chain_read': ['read_bytes', 'dup_bytes'],
    'vhu_chain_write': ['write_bytes'],
    'vhu_device_state_get_features': ['has_feature'],
    'vhu_device_state_set_features': ['add_feature'],
    'vhu_driver_queue_submit': ['append_segment', 'submit_appended'],
    'vhu_frontend_get_guest_address': ['read_memory'],
    'vhu_frontend_get_host_pointer': ['read_memory', 'write_memory'],
    'vhu_vring_get_user_data': [],
    'vhu_vring_set_chain_data_size': [],
    'vhu_vring_set_user_data': [],
}
CALLABLES = ('constructor', 'function', 'method', 'virtual-method')


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
    for clash in sorted(method for method in methods
                        if keyword.iskeyword(method)):
        yield f'{name}.{clash} is a word of Python'


def missing_wrappers(node):
    """Yields the virtual functions that nobody can call."""
    methods = names(node, CORE + 'method')
    for vfunc in introspectable(node, CORE + 'virtual-method'):
        name = vfunc.get('name')
        # Vala takes another name for another method.
        if name not in methods or vfunc.get('invoker', name) != name:
            yield (f'{node.get("name")}.vfunc_{name} has no public method of '
                   'its name that calls it')


def missing_accessors(node):
    """Yields the properties that C and Vala cannot reach by a method."""
    methods = {method.get('name'): method
               for method in introspectable(node, CORE + 'method')}
    for prop in introspectable(node, CORE + 'property'):
        where = f'{node.get("name")}:{prop.get("name")}'
        kinds = ['getter'] if prop.get('readable') != '0' else []
        if prop.get('writable') == '1' and prop.get('construct-only') != '1':
            kinds.append('setter')
        for kind in kinds:
            method = methods.get(prop.get(kind))
            back = f'{kind[0]}et-property'
            if method is None:
                yield f'{where} has no {kind}'
            elif method.get(GLIB + back) != prop.get('name'):
                yield f'{where}: {prop.get(kind)} has no ({back})'


def unreachable(node):
    """Yields what scripts do not see although nobody decided that."""
    methods = names(node, CORE + 'method')
    for tag in CALLABLES + ('property',):
        for child in node.findall(CORE + tag):
            if child.get('introspectable') != '0':
                continue
            symbol = child.get(IDENTIFIER, child.get('name'))
            if symbol not in TWINS:
                yield f'{node.get("name")}: {symbol} cannot be used by scripts'
            for twin in TWINS.get(symbol, []):
                if twin not in methods:
                    yield f'{symbol} has no {twin} at its side'


def raw_pointers(node):
    """Yields the parameters and results that are addresses."""
    for tag in CALLABLES:
        for child in introspectable(node, CORE + tag):
            closures = {parameter.get('closure')
                        for parameter in child.iter(CORE + 'parameter')}
            values = list(child.iter(CORE + 'parameter'))
            for number, value in enumerate(
                    values + child.findall(CORE + 'return-value')):
                kind = value.find(CORE + 'type')
                is_user_data = str(number) in closures and number < len(values)
                if (kind is not None and not is_user_data and
                        kind.get('name') in ('gpointer', 'gconstpointer')):
                    yield (f'{node.get("name")}.{child.get("name")}: '
                           f'{value.get("name", "its result")} is a pointer')


def bad_arrays(node):
    """Yields the arrays whose length nobody can tell."""
    for tag in CALLABLES:
        for child in introspectable(node, CORE + tag):
            for array in child.iter(CORE + 'array'):
                if not array.get('name') and not any(
                        array.get(key) for key in
                        ('length', 'fixed-size')) and \
                        array.get('zero-terminated') == '0':
                    yield f'{node.get("name")}.{child.get("name")}: an array'


def bad_callbacks(node):
    """Yields the callbacks of which nobody knows how long they live."""
    for tag in CALLABLES:
        for child in introspectable(node, CORE + tag):
            for value in child.iter(CORE + 'parameter'):
                kind = value.find(CORE + 'type')
                c_type = kind.get(CTYPE, '') if kind is not None else ''
                if c_type.endswith(('Func', 'Callback')) and \
                        not (value.get('scope') and value.get('closure')):
                    yield (f'{node.get("name")}.{child.get("name")}: '
                           f'{value.get("name")}')


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
        ('every property has its getter and setter', missing_accessors),
        ('what scripts do not see has a twin', unreachable),
        ('no script handles an address', raw_pointers),
        ('every array has a length', bad_arrays),
        ('every callback has a scope', bad_callbacks),
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
