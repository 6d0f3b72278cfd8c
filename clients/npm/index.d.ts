export interface Options {
  /** The template, or its folder. The present folder without it. */
  template?: string;
  /** Values of the template's parameters. */
  parameters?: Record<string, string>;
  /** The sallyport binary; the variable SALLYPORT and the path without it. */
  binary?: string;
  /** A folder for data that is to be there at the next start. */
  data?: string;
  /** Milliseconds until the server must be ready; a minute without it. */
  timeout?: number;
  /** Gets each line of the server's output, JSON. */
  onLine?: (line: string) => void;
}

export interface Server {
  /** The address of the API of that name or id for WebSocket clients, or of the only one. */
  url(api?: string): string;
  readonly endpoint: string;
  readonly region: string;
  /** The outputs of the stack. */
  readonly outputs: Record<string, string>;
  /** What clients of the AWS SDK are made with. */
  readonly config: { endpoint: string; region: string; credentials: { accessKeyId: string; secretAccessKey: string } };
  /** The same as environment variables, for programs. */
  readonly env: Record<string, string>;
  /** The lines that functions have written so far, those with a text in them. */
  logs(text?: string): string[];
  /** Waits for a line with a text in it. */
  waitForLog(text: string, ms?: number): Promise<string>;
  /** Stops the server and removes its data. */
  stop(): Promise<void>;
}

/** Starts a server and deploys a template. */
export function start(options?: Options): Promise<Server>;
