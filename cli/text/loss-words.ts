import type { Job } from '../jobs/job.ts';

/** `loss 1.9012`, `held out 2.0210`: those that the status has. */
export function lossWords({ progress = {} }: Job['status']): readonly string[] {
  const { trainLoss, evalLoss } = progress;
  return [
    ...(trainLoss === undefined ? [] : [`loss ${Number(trainLoss).toFixed(4)}`]),
    ...(evalLoss === undefined ? [] : [`held out ${Number(evalLoss).toFixed(4)}`]),
  ];
}
