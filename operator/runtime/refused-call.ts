// What the API server refuses for a reason that only a person can change, with a sentence.
import { TerminalError } from '../../crds/failures/errors.ts';
import { isQuotaRefusal, isStatus } from './api-error.ts';

/** A call that the cluster refuses for a reason that only a person can change. */
export class RefusedCall extends TerminalError {
  readonly reason: keyof typeof refusalCodes;
  /** The API server has read what we sent and will not have it: the spec has to change. */
  readonly isFinal: boolean;

  constructor(
    reason: keyof typeof refusalCodes,
    { isFinal, ...facts }: { message: string; cause: unknown; isFinal?: boolean },
  ) {
    super({ code: refusalCodes[reason], ...facts });
    this.reason = reason;
    this.isFinal = isFinal ?? reason === 'InvalidSpec';
  }
}

const refusalCodes = {
  PermissionDenied: 'E_NOT_PERMITTED',
  QuotaExceeded: 'E_QUOTA_EXCEEDED',
  NameConflict: 'E_CONFLICT',
  InvalidSpec: 'E_INVALID_SPEC',
} as const;

interface Words {
  /** What was tried. */
  readonly action: string;
  /** What the API server has read, where something was written. */
  readonly object?: string | undefined;
  /** Whether what was written follows from the spec alone. @default true */
  readonly ofSpec?: boolean;
}

/** A refused call where a person can do something about the error; the error itself otherwise. */
export function refusalOf(error: unknown, { action, object, ofSpec = true }: Words): unknown {
  if (isQuotaRefusal(error)) {
    return new RefusedCall('QuotaExceeded', { message: error.message, cause: error });
  }
  if (isStatus(error, 403)) {
    const message = `${action} is not permitted: ${error.message}`;
    return new RefusedCall('PermissionDenied', { message, cause: error });
  }
  if (object !== undefined && (isStatus(error, 400) || isStatus(error, 422))) {
    const message = `${object} is not accepted by the API server: ${error.message}`;
    return new RefusedCall('InvalidSpec', { message, cause: error, isFinal: ofSpec });
  }
  return error;
}
