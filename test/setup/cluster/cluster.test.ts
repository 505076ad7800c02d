import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { aSetup } from '../../doubles/machine.ts';
import { givenCluster, takeDown } from './cluster.ts';

test('a cluster that is named by a file that is not there is a mistake told at once', async (t) => {
  const { setup, folder } = await aSetup(t);
  const given = (path: string) => {
    const env = { ...setup.machine.env, ANNEAL_TEST_KUBECONFIG: path };
    return givenCluster({ ...setup, machine: { ...setup.machine, env } });
  };
  const error = t.throws(() => given(`${folder}/none.conf`), { instanceOf: UserError });
  t.is(
    error?.message,
    `ANNEAL_TEST_KUBECONFIG is ${folder}/none.conf; it must be a kubeconfig that can be read`,
  );
  t.is(given(import.meta.filename), import.meta.filename);
  t.is(given(''), undefined);
});

test('a cluster is taken down without building its programs first, whatever the cache', async (t) => {
  const { setup, folder, ran, printed } = await aSetup(t);
  const stopped: string[] = [];
  await takeDown(setup, async (programs) => void stopped.push(programs));
  t.is(stopped.length, 1);
  t.true(stopped[0]!.startsWith(`${folder}/cache/cluster-`), stopped[0]);
  t.deepEqual([ran, printed()], [[], '']);
});
