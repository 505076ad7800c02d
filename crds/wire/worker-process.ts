// How Node is started for a process of the worker: by the command line, by the supervisor in a pod,
// and by the benchmarks.

/** Arguments of Node in front of the program and its role. */
export function workerNodeArguments(role: string): readonly string[] {
  return holdModels.has(role) ? [quiet, smallNursery, collectable] : [quiet];
}

const holdModels: ReadonlySet<string> = new Set([
  'train',
  'pack',
  'pool',
  'publish',
  'serve',
  'begin',
  'aggregate',
  'synthesize',
  'compare',
  'sample',
]);

/** Type stripping tells on stderr that it is experimental; stderr is for what went wrong. */
const quiet = '--disable-warning=ExperimentalWarning';

/**
 * MiB that young objects may fill before V8 looks through them: of its own accord it takes 16,
 * three times. Roles that hold a model make few objects, and 18 MiB less is resident; those that
 * read data make many.
 */
const smallNursery = '--max-semi-space-size=2';

/** The worker has V8 look for what loading left behind, once, before it begins to compute. */
const collectable = '--expose-gc';
