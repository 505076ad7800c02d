// Converts errors of libtorch to ours. The addon calls `toNativeError` for each.
import { deviceFailure } from '../../crds/failures/device.ts';
import { TerminalError, TransientError } from '../../crds/failures/errors.ts';
import { failureOf } from '../../crds/failures/table.ts';

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
  const code = deviceFailure(message) ?? (outOfMemory ? 'E_HOST_OUT_OF_MEMORY' : undefined);
  if (code === undefined) return error;
  const facts = { code, message: error.message, cause: error };
  return failureOf(code).class === 'TransientError'
    ? new TransientError(facts)
    : new TerminalError(facts);
}
