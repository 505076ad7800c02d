import test from 'ava';
import { UserError } from '../../../crds/errors.ts';
import { aSetup } from '../../doubles/machine.ts';
import { givenCluster } from './cluster.ts';

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
