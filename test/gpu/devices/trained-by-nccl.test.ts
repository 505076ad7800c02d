// Two workers on two devices that exchange by NCCL: they end with the bits of two that exchange
// through memory of the host, also when one of them is killed.
import { join } from 'node:path';
import test from 'ava';
import { resultOf } from '../../e2e/killed-run.ts';
import { killsAfter, runWorld, warningsIn } from '../../e2e/world-run.ts';
import { emulatedNccl } from '../emulated-nccl.ts';
import { installation } from '../training/installation.ts';
import { aJobOfTwoDevices } from '../training/two-devices.ts';

for (const [preset, of] of [
  // Flat parameters in shards, and, for the embedding of GaLore, at one owner each.
  ['Full', { precision: { type: 'Float32' } }],
  ['GaLore', { optimizer: { type: 'GaLore' }, precision: { type: 'Float32' } }],
] as const) {
  test.serial(
    `${preset}: NCCL trains to the bits of Gloo, also when a worker is killed`,
    async (t) => {
      const { folder, job } = await aJobOfTwoDevices(t, { preset, ...of });
      const variables = { ...(await installation(folder, 2)), ...(await emulatedNccl(folder)) };
      const run = async (name: string, use: '0' | '1', lost = false) => {
        const harm = lost ? killsAfter(4, 1) : undefined;
        const own = { ...variables, USE_NCCL: use };
        const ended = await runWorld(job, join(folder, name), 2, harm, own);
        t.is(ended.code, 0, ended.stderr);
        const plan = ended.lines.find((line) => line.type === 'plan');
        t.is(plan?.exchange, use === '1' ? 'NCCL 2.30.7' : 'Gloo');
        const reasons = warningsIn(ended.lines).map(({ reason }) => reason);
        t.is(reasons.includes('NoNCCL'), use === '0');
        t.is(reasons.includes('Restarted'), lost);
        return resultOf(job, ended.folder);
      };
      const staged = await run('staged', '0');
      t.deepEqual(await run('direct', '1'), staged);
      t.deepEqual(await run('lost', '1', true), staged);
    },
  );
}
