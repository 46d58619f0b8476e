// The arrows of ARCHITECTURE.md as errors. A layer may import from itself and from layers to its right; type imports count
// as well. Cycles are refused, except where every edge but one is `import type` (those vanish when compiled).

/** Left to right: who may know whom. */
const LAYERS = [
  'cli',
  'process',
  'modules',
  'http',
  'upstream',
  'net',
  'config',
  'log',
  'adapters',
  'limiter',
  'native',
]

const layerRules = LAYERS.slice(1).map((layer, i) => ({
  name: `layer-${layer}`,
  comment: `src/${layer} may not import from the layers to its left, nor from main.ts`,
  severity: 'error',
  from: { path: `^src/${layer}/` },
  to: { path: `^src/(main\\.ts$|(${LAYERS.slice(0, i + 1).join('|')})/)` },
}))

module.exports = {
  forbidden: [
    ...layerRules,
    {
      name: 'layer-cli',
      comment: 'only Node starts main.ts',
      severity: 'error',
      from: { path: '^src/cli/' },
      to: { path: '^src/main\\.ts$' },
    },
    {
      name: 'known-layer',
      comment: 'a new folder of src/ must be given its place in LAYERS',
      severity: 'error',
      from: {},
      to: { path: '^src/', pathNot: `^src/(main\\.ts$|(${LAYERS.join('|')})/)` },
    },
    {
      name: 'library-without-proxy',
      comment: 'who imports the library pays for the library only, and without an addon it still loads',
      severity: 'error',
      from: { path: '^src/limiter/' },
      to: {
        path: '^src/',
        pathNot: '^src/(limiter/|native/(load|limit_codes)\\.ts$)',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'src-knows-no-tests',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|load-tests|scripts)/' },
    },
    {
      name: 'only-declared-packages',
      comment: 'what runs in production is in dependencies, never in devDependencies',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'undetermined'],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: { path: '^src/' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    detectProcessBuiltinModuleCalls: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
}
