import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { plansRanks } from '../../../crds/methods/adapter-traits.ts';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import {
  adaptedLinears,
  linearsOf,
  parametersOf,
  trainedOf,
} from '../../../crds/plan/parameters.ts';
import {
  gemma2,
  llama8b,
  phi3mini,
  qwen3small,
  qwen25half,
  smol135,
} from '../../builders/facts.ts';

test('counts equal those of the published models', (t) => {
  t.is(parametersOf(smol135).total, 134_515_008);
  t.is(parametersOf(llama8b).total, 8_030_261_248);
  t.is(parametersOf(phi3mini).total, 3_821_079_552);
  t.is(parametersOf(qwen25half).total, 494_032_768);
  t.is(parametersOf(qwen3small).total, 596_049_920);
  t.is(parametersOf(gemma2).total, 2_614_341_888);
});

test('full fine-tuning trains everything', (t) => {
  const trained = trainedOf(smol135, resolveMethod({ preset: 'Full' }));
  t.is(trained.total, 134_515_008);
  t.is(trained.block * smol135.L + trained.outside, trained.total);
  t.is(trained.adapter, 0);
});

test('LoRA trains rank x (in + out) for each layer it stands beside', (t) => {
  const { total, adapter, outside } = trainedOf(smol135, resolveMethod({ preset: 'LoRA' }));
  const sizes = linearsOf(smol135).reduce((sum, linear) => sum + linear.in + linear.out, 0);
  t.is(total, 30 * 16 * sizes);
  t.is(total, 4_884_480);
  t.is(adapter, total);
  t.is(outside, 0);
});

test('layers are chosen by the last part of their name', (t) => {
  const names = (targets: readonly string[]) =>
    adaptedLinears(smol135, targets).map(({ name }) => name);
  t.deepEqual(names(['q_proj', 'mlp.down_proj']), ['q_proj', 'down_proj']);
  t.is(names(['AllLinear']).length, 7);
  t.is(adaptedLinears(phi3mini, ['AllLinear']).length, 4);
});

test('a layer that the model does not have is refused with those that it has', (t) => {
  const error = t.throws(() => adaptedLinears(phi3mini, ['qkv_proj', 'q_proj']), {
    instanceOf: UserError,
  });
  t.is(
    error.message,
    'spec.method.adapter.lora.targetModules[1] is q_proj; it must be AllLinear, qkv_proj, o_proj, gate_up_proj or down_proj',
  );
  t.is(error.hint, 'did you mean o_proj?');
});

test('of ranks that data or weights decide all layers count what they may have, then what they have', (t) => {
  const rank = 8;
  const adapters = [
    { type: 'EVA', eva: { rank } },
    { type: 'LaMDA', lamda: { rank, allocation: 'Spectrum' } },
    { type: 'DiffoRA', diffora: { rank } },
    { type: 'CoLoRA', coLora: { rank, ratio: '0.2' } },
  ] as const;
  for (const adapter of adapters) {
    const method = resolveMethod({ adapter });
    t.true(plansRanks(method), adapter.type);
    // Blocks differ: every second one has nothing.
    const ranks = Object.fromEntries(
      linearsOf(smol135).map(({ name }) => [
        name,
        Array.from({ length: smol135.L }, (_, block) => (block % 2 === 0 ? 0 : rank)),
      ]),
    );
    const ofOne = linearsOf(smol135).reduce((sum, linear) => {
      const isLamda = adapter.type === 'LaMDA';
      return sum + rank * (linear.out + (isLamda ? rank : linear.in));
    }, 0);
    const decided = trainedOf(smol135, { ...method, ranks });
    t.is(decided.total, (ofOne * smol135.L) / 2, adapter.type);
    t.is(decided.adapter, decided.total);
    t.true(trainedOf(smol135, method).total > decided.total, adapter.type);
  }
});

test('an adapter whose ranks the job says counts the same when they are told', (t) => {
  const method = resolveMethod({ adapter: { type: 'LoRA', lora: { rank: 8 } } });
  const ranks = { q_proj: [1, 2] };
  t.deepEqual(trainedOf(smol135, { ...method, ranks }), trainedOf(smol135, method));
});
