// Node 24 runs .ts by itself; .tsx needs the hook. Native code is loaded in one thread of a process
// of its own.
/** Of those that run beside others, the one that takes longest begins first. */
const longest = /\/cluster\/real-pods\.test\.ts$/;

export default {
  extensions: { ts: 'module', tsx: 'module' },
  files: ['test/**/*.test.{ts,tsx}'],
  workerThreads: false,
  nodeArguments: ['--import=./cli/dev/tsx-hook.ts', '--disable-warning=ExperimentalWarning'],
  timeout: '2m',
  sortTestFiles: (a, b) => Number(longest.test(b)) - Number(longest.test(a)) || a.localeCompare(b),
};
