// The border where errors of libtorch become ours. The addon calls `toNativeError` for each one.
import { TerminalError } from '../../crds/failures/errors.ts';

/** libtorch refused: wrong shapes, types, devices, or a tensor that was released. */
export class NativeError extends Error {
  readonly code = 'ERR_TORCH';
  /** Full name of the operator, `aten::mm`; empty outside a call. */
  readonly operator: string;
  /** Everything that C++ said, its backtrace included. */
  readonly detail: string;

  constructor(operator: string, message: string, detail: string) {
    super(operator === '' ? message : `${operator}: ${message}`);
    this.name = 'NativeError';
    this.operator = operator;
    this.detail = detail;
  }
}

export function toNativeError(
  operator: string,
  message: string,
  detail: string,
  outOfMemory: boolean,
): Error {
  const error = new NativeError(operator, message, detail);
  if (!outOfMemory) return error;
  const onDevice = /CUDA/.test(message);
  return new TerminalError({
    code: onDevice ? 'E_DEVICE_OUT_OF_MEMORY' : 'E_HOST_OUT_OF_MEMORY',
    message: error.message,
    cause: error,
  });
}
