# What a clone builds for itself; scripts/prebuilds.mjs builds what the package contains, from the same sources.
# `sluice` is the addon; `native_tests` is the same core without Node as a plain executable. node-gyp builds every target,
# so native_tests is only there with `node-gyp rebuild -- -Dnative_tests=1`; daily use is test/native/run.sh.
{
  'variables': { 'native_tests%': 0 },
  'target_defaults': {
    'include_dirs': ['native'],
    'cflags_cc': [
      '-std=c++17', '-O3', '-fvisibility=hidden', '-fno-exceptions', '-fno-rtti',
      '-Wall', '-Wextra', '-Wshadow', '-Wconversion', '-Werror',
      # Node's headers are not ours to be strict about: -isystem wins over node-gyp's own -I of the same folder.
      '-isystem', '<(node_root_dir)/include/node',
    ],
    'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
    'cflags!': ['-O3', '-Wno-unused-parameter'],
    'ldflags': ['-Wl,--gc-sections'],
  },
  'targets': [
    {
      'target_name': 'sluice',
      'sources': ['<!@(ls native/core/*.cc native/os/*.cc native/binding/*.cc)'],
      'defines': ['NAPI_VERSION=9'],
      # No libstdc++ at run time (native/binding/cxx_runtime.cc), and no export but Node-API's entry.
      'ldflags': ['-Wl,--as-needed', '-Wl,--version-script=<(module_root_dir)/native/binding/exports.map'],
    },
  ],
  'conditions': [
    ['native_tests==1', {
      'targets': [
        {
          'target_name': 'native_tests',
          'type': 'executable',
          'sources': ['<!@(ls native/core/*.cc native/os/*.cc test/native/*_test.cc test/native/main.cc)'],
          'include_dirs': ['test/native'],
          'defines': ['SLUICE_FAULT_POINTS'],
          'libraries': ['-lpthread'],
        },
      ],
    }],
  ],
}
