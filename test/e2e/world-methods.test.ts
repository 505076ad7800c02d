// Methods that store, multiply or move weights in few bits, on one worker and on three: the same
// curve, the same bits after a worker was lost, and a result that is written. Real processes, real
// files.
import { join } from 'node:path';
import test from 'ava';
import { startHosts } from '../warm/hosts.ts';
import type { RunLine } from './anneal-process.ts';
import { resultOf } from './killed-run.ts';
import {
  aWorldJob,
  lossesOf,
  type Running,
  runWorld,
  undisturbed,
  warningsIn,
} from './world-run.ts';

const codebook = { type: 'Codebook', codebook: { codebooks: 1, bits: 4, groupSize: 4 } };
const nf4 = { type: 'NF4', nf4: { blockSize: 32 } };
const int4 = { type: 'Int4', int4: { groupSize: 32 } };
const oneBlock = { type: 'LISA', lisa: { activeLayers: 1, intervalSteps: 2 } };
const oneOfOutliers = { type: 'OwLore', owlore: { activeLayers: 1, intervalSteps: 2 } };

/** Each value of each axis is in one of them, together with values of other axes. */
const methods = {
  'halo-allora': { preset: 'ALLoRA', precision: { type: 'HALO' } },
  'halo-lisa': { preset: 'LISA', precision: { type: 'HALO' }, selection: oneBlock },
  'lora-xs': { preset: 'LoRAXS', adapter: { type: 'LoRAXS', loraXs: { rank: 24 } } },
  'bi-lora-8bit': {
    ...{ preset: 'BiLoRA', optimizer: { type: 'AdamW8bit' } },
    adapter: { type: 'BiLoRA', biLora: { dropout: '0.1' } },
  },
  pissa: { preset: 'PiSSA', adapter: { type: 'PiSSA', pissa: { rank: 4 } } },
  'intermediate-tune-8bit': {
    ...{ preset: 'IntermediateTune', optimizer: { type: 'AdamW8bit' } },
    adapter: { type: 'NLoRA', nlora: { rank: 8, train: 'Core' } },
  },
  // Its term of the loss is added by one of three workers.
  'kasa-nf4': {
    ...{ preset: 'KaSA', base: nf4 },
    adapter: { type: 'KaSA', kasa: { rank: 4, dropout: '0.1', beta: '1e-2', gamma: '1e-1' } },
  },
  'lora-ga-owlore': {
    ...{ preset: 'LoRAGA', selection: oneOfOutliers },
    adapter: { type: 'LoRAGA', loraGa: { rank: 4 } },
  },
  'lamda-int4': {
    ...{ preset: 'LaMDA', base: int4 },
    adapter: {
      type: 'LaMDA',
      lamda: { rank: 12, dropout: '0.1', freezeFraction: '0.5', allocation: 'Spectrum' },
    },
  },
  'eva-nf4': { preset: 'EVA', base: nf4, adapter: { type: 'EVA', eva: { rank: 8 } } },
  'sora-int8': {
    ...{ preset: 'SoRA', base: { type: 'Int8' } },
    adapter: { type: 'SoRA', sora: { rank: 6, dropout: '0.1', threshold: '0.03' } },
  },
  'lora-sb-density': {
    ...{ preset: 'LoRASB', adapter: { type: 'LoRASB', loraSb: { rank: 16 } } },
    rule: { type: 'DensityLoss', densityLoss: { epsilon: '1e-2' } },
  },
  'loldu-lisa': { preset: 'LoLDU', selection: oneBlock },
  'paca-nf4-allora': {
    ...{ preset: 'PaCA', base: nf4, rule: { type: 'ALLoRA' } },
    adapter: { type: 'PaCA', paca: { rank: 8 } },
  },
  's2ft-int8': {
    ...{ preset: 'S2FT', base: { type: 'Int8' } },
    adapter: { type: 'S2FT', s2ft: { downRatio: '0.2', upRatio: '0.1', valueRatio: '0.5' } },
  },
  'owlore-galore': { preset: 'OwLore', selection: oneOfOutliers },
  // Four sequences a step: of three workers one accumulates two, and the norm is that of all.
  'q-galore': { preset: 'QGaLore' },
  'natural-galore': { preset: 'NaturalGaLore' },
  'int8-lisa-8bit': {
    ...{ preset: 'LISA', selection: oneBlock, optimizer: { type: 'AdamW8bit' } },
    precision: { type: 'BFloat16', bfloat16: { trainedWeights: 'Int8' } },
  },
  'pv-tuning': { preset: 'PVTuning', base: codebook },
};

/**
 * Of a loss, through twelve steps: sums in bfloat16 differ by their order, and what is rounded
 * stochastically once to the other side.
 */
const allowed = 0.02;

const hosts = await startHosts();
test.after.always(() => hosts[Symbol.dispose]());

for (const [name, method] of Object.entries(methods)) {
  test.serial(
    `${name}: three workers train as one does, with the same bits when one of them is lost`,
    async (t) => {
      const { folder, job } = await aWorldJob(t, {
        ...{ name, method },
        training: {
          ...{ maxSteps: 12, globalBatchSize: 4, learningRate: '2e-3' },
          ...{ gradientClip: { mode: 'Global', norm: '0.5' }, evaluation: { intervalSteps: 4 } },
        },
      });
      const alone = lossesOf(await undisturbed(t, job, join(folder, 'one'), 1, hosts.variables));
      const expected = await undisturbed(t, job, join(folder, 'three'), 3, hosts.variables);
      const losses = lossesOf(expected);
      t.true(losses.length >= 3);
      t.true((losses.at(-1) ?? Number.NaN) < (losses[0] ?? Number.NaN), 'it learns');
      const gaps = losses.map((loss, i) => Math.abs(loss / (alone[i] ?? Number.NaN) - 1));
      t.log(`largest gap to one worker: ${Math.max(...gaps).toExponential(1)}`);
      t.true(Math.max(...gaps) <= allowed, `${losses} with three, ${alone} with one`);
      let killed = false;
      const kill = (line: RunLine, running: Running): void => {
        if (line.type !== 'step' || line.step !== 8 || killed) return;
        killed = true;
        running.killTrainer(1);
      };
      const ended = await runWorld(job, join(folder, 'lost'), 3, kill, hosts.variables);
      t.is(ended.code, 0, ended.stderr);
      t.true(warningsIn(ended.lines).some(({ reason }) => reason === 'Restarted'));
      t.deepEqual(resultOf(job, ended.folder), expected);
    },
  );
}
