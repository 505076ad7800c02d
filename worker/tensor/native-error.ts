// Converts errors of libtorch to ours. The addon calls `toNativeError` for each.
import { TerminalError } from '../../crds/failures/errors.ts';

/** libtorch refused a call: wrong shapes, types or devices, or a released tensor. */
export class NativeError extends Error {
  readonly code = 'ERR_TORCH';
  /** Full name of the operator, `aten::mm`; empty outside a call. */
  readonly operator: string;
  /** The full C++ message with its backtrace. */
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
