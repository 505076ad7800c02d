// What the wizard of `anneal init` finds in tests: two places of each sort, a cluster with GPUs,
// and an estimator that knows one model.
import { deviceOptions } from '../../cli/init/devices.ts';
import type { Described } from '../../cli/init/estimator.ts';
import type { PlacesHere } from '../../cli/init/places-here.ts';
import type { Found } from '../../cli/init/questions.ts';
import { llama8b } from './facts.ts';

const gib = 2 ** 30;

export const gpuNode = (product: string, count: number, memoryMib?: number) => ({
  metadata: {
    labels: {
      'nvidia.com/gpu.product': product,
      ...(memoryMib === undefined ? {} : { 'nvidia.com/gpu.memory': String(memoryMib) }),
    },
  },
  status: { allocatable: { cpu: '8', 'nvidia.com/gpu': String(count) } },
});

export function whatIsFound(): Found {
  const nodes = [gpuNode('NVIDIA-A100-SXM4-80GB', 8, 81_920), gpuNode('NVIDIA-A100-SXM4-80GB', 4)];
  const machine = { freeBytes: 20 * gib, cores: 8 };
  return {
    models: [{ id: './model', label: './model', why: 'A model in this folder.' }],
    data: [{ id: './chats.jsonl', label: './chats.jsonl', why: 'A file in this folder.' }],
    devices: deviceOptions({ type: 'Nodes', cluster: 'prod', nodes }, machine),
  };
}

export const described: Described = {
  type: 'Known',
  model: {
    ...{ version: 1, source: './model', family: 'llama', format: 'safetensors' },
    ...{ contextLength: 8192, storedBytes: { BF16: 16 * gib }, facts: llama8b },
  },
};

/** Knows the model at `./model` and no other. */
export const estimatorOfTests = {
  of: (source: string): Described | undefined => (source === './model' ? described : undefined),
};

/** No source is a place on this machine. */
export const nothingHere: PlacesHere = { exists: () => false, pictureFolders: () => [] };
