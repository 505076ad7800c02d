// The memory plan of the processor, to the byte: its constants were measured, so no change of the
// plan for devices may change it.
import test from 'ava';
import { presets } from '../../../crds/methods/index.ts';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import { type MemoryQuestion, planMemory } from '../../../crds/plan/memory.ts';
import { stagesOf } from '../../../crds/plan/memory-question.ts';
import { gemma2, llama8b, smol135 } from '../../builders/facts.ts';
import { aSpec } from '../../builders/job.ts';

const facts = { smol135, llama8b, gemma2 };

function ask(more: Partial<MemoryQuestion>): MemoryQuestion {
  return {
    ...{ facts: smol135, method: resolveMethod({ preset: 'LoRA' }), microBatchTokens: 512 },
    ...{ perWave: 4, waves: 1, shards: 1, clip: 'Global', recomputation: 'Auto' },
    ...{ targetShare: 0.7, device: { type: 'cpu', bytes: 24 * 2 ** 30 } },
    ...more,
  };
}

function row(question: MemoryQuestion): string {
  const { parts, stage, stages, blocks } = planMemory(question);
  const kept = blocks.filter((mode) => mode === 'keep').length;
  const peaks = stages.map((one) => `${one.stage} ${one.peak}`).join(', ');
  return `${Object.values(parts).join(' ')} at ${stage}, ${kept} kept; ${peaks}`;
}

for (const [name, sizes] of Object.entries(facts)) {
  test(`plans of ${name} on a processor are the same to the byte`, (t) => {
    const spec = aSpec({
      'dataset.heldOut': { samples: 4 },
      'training.samples': { prompts: ['How are you?'], maxTokens: 40, temperature: '0' },
      'output.formats': ['GGUF', 'MergedSafetensors'],
    });
    const rows = presets.flatMap(({ preset }) => {
      const method = resolveMethod({ preset });
      const one = ask({ facts: sizes, method, stages: stagesOf(spec, 512, 512) });
      return [
        ...[one, { ...one, shards: 4 }, { ...one, clip: 'Block' as const, stages: undefined }],
        { ...one, recomputation: 'Offload' as const, perWave: 16 },
      ].map((question, index) => `${preset} ${index}: ${row(question as MemoryQuestion)}`);
    });
    t.snapshot(rows.join('\n'));
  });
}
