// What does not go together with a method that trains nothing, and the other way round.
import { fewBits, hasFewBits } from '../methods/few-bits.ts';
import { trainsNothing } from '../methods/no-training.ts';
import { is, type Pair } from './pair.ts';

const none = is('selection', 'None');
const noSteps = 'has(self.training.maxSteps) && self.training.maxSteps == 0';

export const pairsOfNoTraining: readonly Pair[] = [
  {
    id: 'what trains needs steps',
    path: ['training'],
    meets: ({ training: { maxSteps } }, method) => maxSteps === 0 && !trainsNothing(method),
    cel: `!(${noSteps}) || ${none}`,
    sentence: 'is absent or has 0 steps, but the method trains',
    hint: 'write training: { epochs: "1", globalBatchSize: 8, learningRate: "2e-4" }, or method: { preset: NoTraining } to quantize and write the base',
  },
  {
    id: 'what trains nothing has no steps',
    path: ['training'],
    meets: ({ training: { maxSteps } }, method) => maxSteps !== 0 && trainsNothing(method),
    cel: `!${none} || ${noSteps}`,
    sentence: 'has steps, but the method trains nothing',
    hint: 'leave training out, or choose another method, such as preset: LoRA',
  },
  {
    id: 'what trains nothing has nothing to train with',
    path: ['method'],
    meets: ({ method: written, training }, { adapter, base, precision, ...method }) =>
      trainsNothing(method) &&
      (adapter.type !== 'None' ||
        base.type !== 'Dense' ||
        hasFewBits({ precision }) ||
        written.optimizer !== undefined ||
        written.rule !== undefined ||
        training.distillation !== undefined),
    cel: `!${none} || ${is('adapter', 'None')} && ${is('base', 'Dense')} && !${is('precision', ...fewBits)} && !has(self.method.optimizer) && !has(self.method.rule) && !has(self.training.distillation)`,
    sentence:
      'trains nothing, but has an adapter, a base of its own, products in few bits, an optimizer or a rule, or training.distillation is set',
    hint: 'leave them out; output.quantization and output.gguf say how the base is written',
  },
  {
    id: 'what is pruned is the base as it is',
    path: ['output', 'pruning'],
    meets: ({ output: { pruning } }, method) => pruning !== undefined && !trainsNothing(method),
    cel: `!has(self.output.pruning) || ${none}`,
    sentence: 'is set, but the method trains',
    hint: 'write method: { preset: NoTraining } without training, and train on the pruned folder in a job of its own',
  },
  {
    id: 'a pruned model is one folder',
    path: ['output', 'pruning'],
    meets: ({ output: { pruning, quantization, formats = [] } }) =>
      pruning !== undefined &&
      (quantization !== undefined || formats.some((form) => form !== 'MergedSafetensors')),
    cel: "!has(self.output.pruning) || !has(self.output.quantization) && (!has(self.output.formats) || self.output.formats.all(f, f == 'MergedSafetensors'))",
    sentence: 'is set beside another form of the result, which would be the whole base',
    hint: 'leave out output.quantization, and ask for MergedSafetensors alone; other forms are those of a job on the pruned folder',
  },
];
