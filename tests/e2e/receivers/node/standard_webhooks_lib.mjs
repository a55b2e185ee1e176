import { Webhook, WebhookVerificationError } from 'standardwebhooks';

export const ANSWER = [204, ''];

/** The event, or an Error. The library reads the clock itself and allows 300 s. */
export function verify(headers, raw, secrets, _now) {
  for (const secret of secrets) {
    try {
      const told = new Webhook(secret).verify(raw.toString(), headers);
      return { key: headers['webhook-id'], state: '', at: Number(headers['webhook-timestamp']), told };
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error;
    }
  }
  throw new Error('sign');
}
