// What went wrong, in a few words, and what helps; the service's own sentence stands between the two.

const SEND_ANOTHER = "Choose another recording.";
const WAIT = "Nothing is wrong with the recording.";
const MISMATCH = [
  "This page and the service do not fit together",
  "Reload the page; if that does not help, tell whoever runs the service.",
];

/** By code: [title, advice]. */
export const FAILURES = {
  empty: ["There is nothing in it", SEND_ANOTHER],
  unsupported_format: ["This is no format that can be read", "Export it as WAV, FLAC, MP3 or OGG."],
  damaged_audio: ["The file is damaged", "Export it again, best as WAV or FLAC."],
  sample_rate_out_of_range: ["An unusual sample rate", "Export it with 44.1 or 48 kHz."],
  too_many_channels: ["Too many channels", "Export it in stereo or mono."],
  not_finite: ["The file holds numbers that are no sound", "Export it again."],
  level_out_of_range: ["Far too loud", "Export it with levels below full scale."],
  too_short: ["Too short", "Choose a recording of a few seconds at least."],
  too_long: ["Too long", "Cut it, and have the parts rated one by one."],
  silent: ["Nothing is heard", "Check the recording’s level."],
  body_too_large: ["The file is too large", "Save it as FLAC, MP3 or OGG, or cut it."],
  upload_timeout: ["Sending took too long", "Try again, or send a smaller file, for example FLAC or MP3."],
  decoding_timeout: ["Decoding takes too long", "Send a shorter recording, or another format."],
  decoding_failed: ["It cannot be decoded", "Export it again as WAV or FLAC."],
  unauthorized: [
    "This service asks for a key",
    "Whoever runs it can give you one. It stays in this page until you leave.",
  ],
  key_not_accepted: ["That key is not accepted", "Look whether it is complete; whoever runs the service can tell."],
  invalid_request: MISMATCH,
  unsupported_media_type: MISMATCH,
  invalid_spectrogram: MISMATCH,
  not_found: MISMATCH,
  method_not_allowed: MISMATCH,
  overloaded: ["The service is busy", WAIT],
  not_ready: ["The service is still starting", WAIT],
  timeout: ["It took too long", WAIT],
  internal: ["The service failed", "Try again; if it happens again, tell whoever runs it the number below."],
  unreachable: ["The service cannot be reached", "Check the connection, and whether the service is running."],
  unreadable: ["That was no answer of this service", "Try again; there may be something between you and it."],
  page_failed: [
    "This page failed",
    "Reload it and try again; if it happens again, try a newer browser, or tell whoever runs the service.",
  ],
  no_microphone: ["The microphone cannot be used", "Allow this page to use it, or choose a file."],
  no_sound_recorded: ["Nothing was recorded", "Try again, or choose a file."],
};

export const TRY_AGAIN = new Set([
  "overloaded", "not_ready", "timeout", "internal", "unreachable", "unreadable", "upload_timeout",
  "no_microphone", "no_sound_recorded",
]);

export const failure = (code) => FAILURES[code] ?? ["It could not be rated", SEND_ANOTHER];
