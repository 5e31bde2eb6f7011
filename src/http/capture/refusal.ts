/** Why a capture request is refused: the answer its sender gets. Codes are PostHog's of late 2021. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: number;
  readonly type: "validation_error" | "authentication_error" | "server_error";
  readonly code: string;
  readonly attribute: string | null;

  constructor(status: number, code: string, detail: string, attribute: string | null = null) {
    super(detail);
    this.status = status;
    this.code = code;
    this.attribute = attribute;
    this.type = status >= 500
      ? "server_error"
      : status === 401
      ? "authentication_error"
      : "validation_error";
  }

  /** The body of the answer. */
  toJSON(): Record<string, unknown> {
    return { type: this.type, code: this.code, detail: this.message, attr: this.attribute };
  }
}

export function invalidPayload(detail: string): Refusal {
  return new Refusal(400, "invalid_payload", detail);
}
