import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'ava';
import { findDevices, kernelsPath, visibleCards } from '../../../cli/devices/find-devices.ts';
import { thisMachine } from '../../../cli/setup/machine.ts';
import { readCards } from '../../../crds/devices/nvidia-smi.ts';
import { aMachine, breaks, says } from '../../doubles/machine.ts';
import { cardLine, nvidiaSmi, uuidOf, writeProgram } from '../../doubles/nvidia-smi.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';

const two = `${cardLine({ index: 0 })}\n${cardLine({ index: 1 })}\n`;

test('without the program there are none, and it says why', async (t) => {
  const found = await findDevices(aMachine({}), '/no/checkout');
  t.deepEqual(found, {
    ...{ cards: [], why: 'nvidia-smi is not on the PATH', hasKernels: false },
    variables: { CUDA_DEVICE_ORDER: 'PCI_BUS_ID' },
  });
});

test('the words of a program that fails are told, one line of them', async (t) => {
  const program = () => breaks(`NVIDIA-SMI has failed\n${'x'.repeat(9999)}`);
  const { cards, why } = await findDevices(aMachine({ programs: { 'nvidia-smi': program } }), '/');
  t.deepEqual(cards, []);
  t.is(why, 'nvidia-smi: NVIDIA-SMI has failed');
  const silent = aMachine({ programs: { 'nvidia-smi': () => says('No devices were found') } });
  t.is((await findDevices(silent, '/')).why, 'nvidia-smi: No devices were found');
});

test('devices are counted as CUDA does with its variables', async (t) => {
  const programs = { 'nvidia-smi': () => says(two) };
  const env = { CUDA_VISIBLE_DEVICES: '1', CUDA_DEVICE_ORDER: 'FASTEST_FIRST' };
  const { cards, why, variables } = await findDevices(aMachine({ programs, env }), '/');
  t.deepEqual(
    cards.map(({ index }) => index),
    [1],
  );
  t.is(why, 'CUDA_VISIBLE_DEVICES hides 1 of 2');
  t.deepEqual(variables, { CUDA_DEVICE_ORDER: 'FASTEST_FIRST' });
});

test('the list of visible devices ends at the first word that names none', (t) => {
  const { cards } = readCards(`${two}${cardLine({ index: 2, mig: 'Enabled' })}`);
  const seen = (list: string) => visibleCards(cards, list).map(({ index }) => index);
  t.deepEqual(seen('1,0'), [1, 0]);
  t.deepEqual(seen(` 1 , ${uuidOf(0)}`), [1, 0]);
  t.deepEqual(seen('GPU-00000001'), [1]);
  t.deepEqual(seen('GPU-0000'), [], 'the beginning of more than one');
  for (const none of ['', '-1', 'none', '7', '0,0']) t.deepEqual(seen(none), [], none);
  t.deepEqual(seen('0,-1,1'), [0]);
  t.deepEqual(seen('MIG-5c89852c-d268'), [2]);
});

test('a program on the PATH is asked, and the kernels are found beside the addon', async (t) => {
  await using temporary = await temporaryFolder();
  const { path: folder } = temporary;
  const PATH = await nvidiaSmi(folder, [cardLine()]);
  const machine = { ...thisMachine(), run: runWith(PATH), env: {} };
  const before = await findDevices(machine, folder);
  t.is(before.cards.length, 1);
  t.false(before.hasKernels);
  const kernels = kernelsPath({}, folder);
  await mkdir(dirname(kernels), { recursive: true });
  await writeFile(kernels, '');
  t.true((await findDevices(machine, folder)).hasKernels);
  t.is(kernelsPath({ ANNEAL_NATIVE: '/a/b.node' }, folder), '/a/libanneal_kernels_cuda.so');
});

test('a program that hangs is left behind, and one that prints without end is stopped', async (t) => {
  await using temporary = await temporaryFolder();
  const { path: folder } = temporary;
  const limit = { ms: 300, bytes: 2 ** 14 };
  const hangs = runWith(await writeProgram(join(folder, 'a'), 'trap "" TERM\nexec sleep 60\n'));
  const late = await hangs('nvidia-smi', [], { limit });
  t.like(late, { kind: 'ended', ok: false, stderr: 'no answer within 0.3 s' });
  const floods = runWith(await writeProgram(join(folder, 'b'), 'yes | head -c 100000000\n'));
  const flood = await floods('nvidia-smi', [], { limit: { ...limit, ms: 60_000 } });
  t.like(flood, { kind: 'ended', ok: false });
  t.true(flood.kind === 'ended' && flood.stdout.length <= limit.bytes);
});

function runWith(PATH: string): ReturnType<typeof thisMachine>['run'] {
  const { run } = thisMachine();
  return (file, args, options) => run(file, args, { ...options, env: { PATH } });
}
