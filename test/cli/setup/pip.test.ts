import test from 'ava';
import { downloadArgs, findPip, pipError } from '../../../cli/setup/pip.ts';
import type { AnnealError } from '../../../crds/failures/errors.ts';
import { aMachine, breaks, says } from '../../doubles/machine.ts';

test('pip is found under each of its names, and the first that runs is used', async (t) => {
  const broken = () => breaks('pyenv: pip3: command not found');
  const pip = () => says('pip 24.0');
  t.deepEqual(await findPip(aMachine({ programs: { pip3: broken, pip } })), ['pip']);
  const module = { python3: (args: readonly string[]) => (args[1] === 'pip' ? pip() : broken()) };
  t.deepEqual(await findPip(aMachine({ programs: module })), ['python3', '-m', 'pip']);
});

test('without pip there is a sentence with the way to install it', async (t) => {
  const linux = await t.throwsAsync<AnnealError>(findPip(aMachine({})));
  t.is(linux?.code, 'E_SETUP');
  t.is(linux?.message, 'pip is not on the PATH; it fetches libtorch and the demo model');
  t.regex(linux?.hint ?? '', /^apt install python3-pip/);
  const mac = await t.throwsAsync<AnnealError>(findPip(aMachine({ platform: 'darwin' })));
  t.regex(mac?.hint ?? '', /^brew install python/);
});

test('one exact wheel is asked for, without its dependencies', (t) => {
  const wheel = { name: 'torch', version: '2.15.0', sha256: '', bytes: 1, platforms: ['any_x'] };
  const args = downloadArgs(wheel, 'to');
  t.is(args[0], 'download');
  t.is(args.at(-1), 'torch==2.15.0');
  for (const flag of ['--no-deps', '--platform=any_x', '--only-binary=:all:', '--dest=to']) {
    t.true(args.includes(flag), flag);
  }
});

test('the ERROR line of pip is what a person is told', (t) => {
  const ran = breaks(`WARNING: Retrying\nERROR: Could not find a version that satisfies torch\nx`);
  t.is(pipError(ran), 'Could not find a version that satisfies torch');
  t.is(pipError(breaks('')), 'it printed nothing');
});
