import test, { type ExecutionContext } from 'ava';
import type { Ran } from '../../../cli/setup/machine.ts';
import { aSetup, type MachineDouble, type Program, says } from '../../doubles/machine.ts';
import { whyNoCluster } from './probe.ts';

const fails = (stdout = ''): Ran => ({ kind: 'ended', ok: false, stdout, stderr: '' });
const go: Program = ([verb]) => says(verb === 'version' ? 'go version go1.26.3 linux/amd64' : '');
const able = { bash: () => says(''), go };

async function why(t: ExecutionContext, double: MachineDouble): Promise<string | undefined> {
  return whyNoCluster((await aSetup(t, double)).setup);
}

test('a machine that has everything can run the cluster', async (t) => {
  t.is(await why(t, { programs: able }), undefined);
});

test('a cluster that a person names is taken, whatever this machine can do', async (t) => {
  t.is(await why(t, { platform: 'darwin', env: { ANNEAL_TEST_KUBECONFIG: 'k' } }), undefined);
});

test('each thing that is missing is told in a sentence', async (t) => {
  t.regex((await why(t, { platform: 'darwin', arch: 'arm64' })) ?? '', /this is darwin on arm64$/);
  t.is(await why(t, {}), 'there is no bash');
  const notRoot = { ...able, bash: () => fails('a cluster needs root') };
  t.is(await why(t, { programs: notRoot }), 'a cluster needs root');
  t.regex((await why(t, { programs: { bash: able.bash } })) ?? '', /^there is no Go compiler/);
  const old = { ...able, go: () => says('go version go1.24.1 linux/amd64') };
  t.regex((await why(t, { programs: old })) ?? '', /this is Go 1\.24$/);
  t.regex((await why(t, { programs: able, free: 1e9 })) ?? '', /; 1\.0 GB are free$/);
  const offline: Program = ([verb]) => (verb === 'version' ? says('go1.27') : fails());
  const alone = await why(t, { programs: { ...able, go: offline } });
  t.regex(alone ?? '', /^Go modules cannot be fetched/);
});
