// Turns a hub's refusals of an upload into errors, as hub-error.ts does for reads. Tokens are
// named, never shown.

import type { Clock } from '../../crds/clock.ts';
import { type AnnealError, TransientError, UserError } from '../../crds/failures/errors.ts';
import { isTransientStatus, retryAfterMs } from '../remote/http.ts';
import type { HubTarget } from '../remote/hub-error.ts';

export function hubRefusal(response: Response, target: HubTarget, clock: Clock): AnnealError {
  const { repository, tokenName, field: path } = target;
  const { status } = response;
  const { host } = new URL(target.endpoint);
  const facts = { path, value: repository };
  if (isTransientStatus(status)) {
    return new TransientError({
      code: 'E_HUB_UNAVAILABLE',
      message: `${host} answered ${status} while the result was uploaded to ${repository}`,
      retryAfterMs: retryAfterMs(response.headers, clock),
    });
  }
  if (status === 401) {
    return new UserError({
      ...facts,
      code: 'E_HUB_UNAUTHORIZED',
      message: `${tokenName} is not accepted by ${host} for ${repository}${said(response)}`,
      hint: `put a valid token into ${tokenName}`,
    });
  }
  if (status === 403) {
    return new UserError({
      ...facts,
      code: 'E_HUB_FORBIDDEN',
      message: `${tokenName} may not write to ${repository}; the hub answered 403${said(response)}`,
      hint: 'use a token with write access to this repository, or to its owner where it is new',
    });
  }
  if (status === 412) {
    // Another push came first: the present state is checked again.
    return new TransientError({
      code: 'E_PUBLISH_FAILED',
      message: `${repository} was changed by somebody else while the result was uploaded`,
    });
  }
  const message =
    status === 404
      ? `${repository} does not exist on ${host}, or ${tokenName} may not see it`
      : `${host} refused the result for ${repository} with ${status}${said(response)}`;
  return new UserError({ ...facts, code: 'E_PUBLISH_FAILED', message });
}

function said(response: Response): string {
  const words = response.headers.get('x-error-message');
  return words ? ` (${words.slice(0, 200)})` : '';
}
