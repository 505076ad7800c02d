// The one variable of the environment that the tensor layer reads.

/** A built addon elsewhere than `worker/native/dist`. */
export function nativeOverride(): string | undefined {
  return process.env['ANNEAL_NATIVE'];
}
