import { AnnealError } from '../../crds/failures/errors.ts';
import { isErrno } from '../files/errno.ts';

/** Why an adapter is not served, in a sentence; throws what is no matter of its files. */
export function refusalOf(error: unknown, folder: string): string {
  if (error instanceof AnnealError) return error.message;
  if (isErrno(error, 'ENOENT', 'EACCES')) return `${folder}: ${String(error)}`;
  throw error;
}
