import test from 'ava';
import type { SourceFlags } from '../../../cli/command-table/source-flags.ts';
import { namesCluster } from '../../../cli/jobs/open-source.ts';

test('a cluster is named by its own flags, not by those that tell errors at more length', (t) => {
  // As commander gives them: all flags of the command.
  const others: SourceFlags & { readonly verbose: boolean } = { verbose: true };
  t.false(namesCluster(others));
  for (const flags of [{ namespace: 'a' }, { context: 'a' }, { kubeconfig: 'a' }]) {
    t.true(namesCluster({ ...others, ...flags }));
  }
});
