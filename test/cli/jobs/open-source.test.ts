import test from 'ava';
import { namesCluster } from '../../../cli/jobs/open-source.ts';
import type { SourceFlags } from '../../../cli/process/source-flags.ts';

test('a cluster is named by its own flags, not by those that tell errors at more length', (t) => {
  // As commander gives them: all flags of the command.
  const others: SourceFlags & { readonly verbose: boolean } = { verbose: true };
  t.false(namesCluster(others));
  for (const flags of [{ namespace: 'a' }, { context: 'a' }, { kubeconfig: 'a' }]) {
    t.true(namesCluster({ ...others, ...flags }));
  }
});
