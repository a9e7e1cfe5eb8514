"""What can go wrong for a publisher or a consumer of signals.

ClientError
  NoBroker            nobody answers at the address, or the connection is refused for good
  NoTopic             the broker does not have the topic
  InvalidTouchpoint   a touchpoint breaks the contract: nothing was sent
  NotDelivered        the broker did not take a record: it may be published again (a repeat is dropped by its id)
  BadRecord           a record that was read is not what its topic promises
  BadMemory           the file in which handled signals are remembered can't be used
  Closed              used after `close()`
"""


class ClientError(Exception):
    """The root. Its text says what happened, where, and what to do."""


class NoBroker(ClientError):
    """Nobody answers."""

    def __init__(self, bootstrap: str, why: str = "nobody answers") -> None:
        self.bootstrap = bootstrap
        super().__init__(f"no Kafka broker at {bootstrap}: {why}. Is it running, and is the address right?")


class NoTopic(ClientError):
    """The topic is not there."""

    def __init__(self, topic: str, bootstrap: str) -> None:
        self.topic = topic
        super().__init__(f"the broker at {bootstrap} has no topic {topic}: create it with `touchline topics create`")


class InvalidTouchpoint(ClientError):
    """`field` is the path of the field that is wrong (`score.value`), "" for the whole; `message` what was expected."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        self.message = message
        super().__init__(f"{field}: {message}" if field else message)


class NotDelivered(ClientError):
    """The record is not known to be on the broker. `retry`: whether publishing it again may help."""

    def __init__(self, topic: str, why: str, *, retry: bool) -> None:
        self.topic = topic
        self.retry = retry
        super().__init__(f"{topic}: not delivered: {why}" + (" (publish it again)" if retry else ""))


class BadRecord(ClientError):
    """A record that can't be read, with its place."""

    def __init__(self, topic: str, partition: int, offset: int, why: str) -> None:
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.why = why
        super().__init__(f"{topic}, partition {partition}, offset {offset}: {why}")


class BadMemory(ClientError):
    """The file that remembers handled signals can't be read or written."""

    def __init__(self, path: object, why: str) -> None:
        self.path = path
        super().__init__(f"{path} can't remember which signals were handled: {why}")


class Closed(ClientError):
    """Used after it was closed."""

    def __init__(self, what: str) -> None:
        super().__init__(f"this {what} is closed")
