// The most ranks of a job, and the sequences of a step, as CEL on the spec.
const mostWorkersInCel =
  "(self.worker.elasticity == 'None' || !has(self.worker.maxReplicas) || self.worker.maxReplicas < self.worker.replicas ? self.worker.replicas : self.worker.maxReplicas)";

export const mostRanksInCel = `${mostWorkersInCel} * (self.worker.devicesPerWorker > 1 ? self.worker.devicesPerWorker : 1)`;

const sequenceInCel =
  '(has(self.dataset.tokensPerSequence) ? self.dataset.tokensPerSequence : has(self.dataset.sequenceLength) ? self.dataset.sequenceLength : 1)';

export const sequencesInCel = `(has(self.training.globalBatchSize) ? self.training.globalBatchSize : has(self.training.globalBatchTokens) ? self.training.globalBatchTokens / ${sequenceInCel} : ${mostRanksInCel})`;
