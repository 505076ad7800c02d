// The most workers of a job, and the sequences of a step, as CEL on the spec.
export const mostWorkersInCel =
  "(self.worker.elasticity == 'None' || !has(self.worker.maxReplicas) || self.worker.maxReplicas < self.worker.replicas ? self.worker.replicas : self.worker.maxReplicas)";

const sequenceInCel =
  '(has(self.dataset.tokensPerSequence) ? self.dataset.tokensPerSequence : has(self.dataset.sequenceLength) ? self.dataset.sequenceLength : 1)';

export const sequencesInCel = `(has(self.training.globalBatchSize) ? self.training.globalBatchSize : has(self.training.globalBatchTokens) ? self.training.globalBatchTokens / ${sequenceInCel} : ${mostWorkersInCel})`;
