import test from 'ava';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import { besideTensors, outsideAllocator } from '../../../crds/plan/beside-tensors.ts';
import { cudaConstants, ncclBuffers } from '../../../crds/plan/cuda-constants.ts';
import { type MemoryQuestion, planFor, type TapeMode } from '../../../crds/plan/memory.ts';
import { memoryConstants } from '../../../crds/plan/memory-constants.ts';
import { stagesOf } from '../../../crds/plan/memory-question.ts';
import { llama8b, smol135 } from '../../builders/facts.ts';
import { aSpec } from '../../builders/job.ts';

const gib = 2 ** 30;
const mib = 2 ** 20;
const { cublas, nccl, segments } = cudaConstants;

function ask(changes: Partial<MemoryQuestion> = {}): MemoryQuestion {
  return {
    ...{ facts: llama8b, method: resolveMethod({ preset: 'LoRA' }), microBatchTokens: 512 },
    ...{ perWave: 4, waves: 1, shards: 1, clip: 'Global', recomputation: 'Auto' },
    ...{ targetShare: 0.7, device: { type: 'cuda', bytes: 80 * gib } },
    ...changes,
  };
}

const onProcessor = (question: MemoryQuestion): MemoryQuestion => ({
  ...question,
  device: { ...question.device, type: 'cpu' },
});

test('a processor has nothing beside its tensors that was not measured', (t) => {
  t.is(besideTensors(onProcessor(ask())), 0);
  t.is(besideTensors(onProcessor(ask({ shards: 8 }))), 0);
});

test('matrices of whole 2 MiB cost nothing more, others are rounded, each of them', (t) => {
  // All matrices of this model are whole ones in 16 bits, but k and v of 8 MiB: two in 20.
  const packed = 2 * llama8b.L * 2 * mib;
  t.is(besideTensors(ask()), cublas.value + segments.value + packed);
  t.true(besideTensors(ask({ facts: smol135 })) > cublas.value + segments.value);
});

test('several workers have no tensor for each matrix, and buffers of NCCL', (t) => {
  t.is(besideTensors(ask({ shards: 2 })), cublas.value + segments.value + nccl.value);
  t.is(besideTensors(ask({ shards: 8 })), cublas.value + segments.value + 7 * nccl.value);
  // Beyond a machine by a network.
  t.is(ncclBuffers(10) - ncclBuffers(8), 2 * 8 * mib);
  t.is(ncclBuffers(1), 0);
});

test('the allocator does not count the context', (t) => {
  const { context } = cudaConstants;
  t.is(outsideAllocator(ask()), context.value);
  t.is(outsideAllocator(ask({ shards: 2 })), context.value + nccl.value);
  t.is(outsideAllocator(onProcessor(ask({ shards: 2 }))), 0);
});

test('tensors of a device are those of a processor, and the rest is in the work space', (t) => {
  const modes = new Array<TapeMode>(smol135.L).fill('keep');
  const spec = aSpec({ 'training.samples': { prompts: ['?'], maxTokens: 9, temperature: '0' } });
  for (const preset of ['LoRA', 'Full', 'QLoRA', 'GaLore', 'HALO'] as const) {
    const method = resolveMethod({ preset });
    const question = ask({ facts: smol135, method, stages: stagesOf(spec, 512, 512) });
    const [device] = planFor(question, modes).stages;
    const [processor] = planFor(onProcessor(question), modes).stages;
    const tensors = { ...device?.parts, workspace: 0 };
    t.deepEqual(tensors, { ...processor!.parts, workspace: 0 }, preset);
    // The tokenizer is in the memory of the host.
    const tokenizer = smol135.V * memoryConstants.tokenizerBytesPerToken;
    const more = device!.parts.workspace - processor!.parts.workspace;
    const context = memoryConstants.cuda.context - memoryConstants.cpu.context;
    const dynamic =
      cudaConstants.slack.value *
      (device!.parts.optimizer + device!.parts.gradients + device!.parts.activations);
    t.true(more >= besideTensors(question) + context - tokenizer + dynamic - 1, preset);
  }
});
