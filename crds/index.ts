// The public door of the contract: what a job is, what it means, what processes say to each other.
export * from './api/job.ts';
export * from './errors.ts';
export * from './failures.ts';
export * from './group.ts';
export type { ResolvedMethod } from './methods/resolve.ts';
export { resolveMethod } from './methods/resolve.ts';
