// Memory of the pass of a teacher, before the model that trains is built.
import { withoutAdapter } from './decompose-bytes.ts';
import { forwardWorking } from './forward-bytes.ts';
import { memoryConstants } from './memory-constants.ts';
import type { MemoryQuestion } from './memory-question.ts';
import { parametersOf } from './parameters.ts';
import { type StagePeak, stagePeak } from './stage-peak.ts';
import { valueBytes } from './static-bytes.ts';
import { copiesOfLogits, rowsOfTeacherFile, teacherRowBytes } from './teacher-bytes.ts';

/** The model in its own type, all frozen, and one sequence on its way. */
export function teachStage(question: MemoryQuestion): readonly StagePeak[] {
  const { facts, method, shards, device, stages, storedBfloat16 = 0 } = question;
  if (stages?.teacherTokens === undefined) return [];
  const { total, blockMatrices, blockVectors, embedding } = parametersOf(facts);
  const { head, ...constants } = memoryConstants;
  const width = valueBytes(method);
  const saved = width === 2 ? 0 : 2 * Math.min(storedBfloat16, total);
  const stored = saved > 0 ? 2 : width;
  const isShared = shards > 1;
  const tokens = stages.trainingTokens ?? question.microBatchTokens;
  const targets = tokens * question.targetShare;
  const fitting = Math.max(head.fewestRows, Math.min(head.mostRows, head.bytes / (4 * facts.V)));
  const logits = copiesOfLogits(question) * Math.min(fitting, targets) * facts.V * 4;
  const atHead = logits + 2 * targets * facts.H * width + (isShared ? embedding * stored : 0);
  const plain = { ...question, method: withoutAdapter(method) };
  // As found, and joined for the file.
  const waiting = 2 * (rowsOfTeacherFile + targets) * teacherRowBytes(question);
  return [
    stagePeak('Teach', {
      weights: (total * width - saved) / shards,
      ...{ optimizer: 0, gradients: 0, activations: 2 * tokens * facts.H * width },
      workspace:
        constants[device.type].context +
        (isShared ? 2 * (blockMatrices * stored + blockVectors * width) : 0) +
        (device.type === 'cpu' ? waiting : 0) +
        Math.max(atHead, forwardWorking(plain, tokens)),
    }),
  ];
}
