// Node 24 runs .ts by itself; .tsx needs the hook. Native code is loaded in one thread of a process of its own.
export default {
  extensions: { ts: 'module', tsx: 'module' },
  files: ['test/**/*.test.{ts,tsx}'],
  workerThreads: false,
  nodeArguments: ['--import=./cli/dev/tsx-hook.ts', '--disable-warning=ExperimentalWarning'],
  timeout: '2m',
};
