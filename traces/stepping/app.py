"""The terminal's view of a session: keys in, text out; whatever is known is known by the session."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.events import Key
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, OptionList, Static
from textual.widgets.option_list import Option as Line

from ...checker.search.ahead import Ahead
from ...specs.phrases.reading import MAX_LETTERS, PhraseError
from ...specs.phrases.sought import Sought, SoughtError
from ..output.terminal import one_line
from ..output.writing import write
from ..sources.observation import BadInput
from . import screen
from .session import Choice, Session

_FIND, _SAVE = "find", "save"
_ASKS = {
    _FIND: "a state to find, such as pd1.leader and tso1.able_to_grant",
    _SAVE: "a file for the steps so far, such as step.json",
}


class Help(ModalScreen[None]):
    """The keys; any of them closes it."""

    def compose(self) -> ComposeResult:
        yield VerticalScroll(Static(Text(screen.HELP)))

    def on_key(self, event: Key) -> None:
        """Close."""
        event.stop()
        self.dismiss()


class Looked(Message):
    """A search has ended; ``why`` there is no answer."""

    def __init__(self, sought: Sought, found: Ahead | None, why: str = "") -> None:
        super().__init__()
        self.sought, self.found, self.why = sought, found, why


class Stepping(App[None]):
    """What can happen as a list, above it the state; everything by keys."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #state { height: auto; max-height: 50%; }
    #said { height: auto; max-height: 3; }
    #steps { height: 1fr; min-height: 4; border: none; padding: 0; }
    #change { height: auto; max-height: 3; }
    #ask { display: none; height: 1; border: none; padding: 0; }
    Help { align: center middle; }
    Help VerticalScroll { width: 80; max-width: 100%; height: auto; max-height: 100%; background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("u", "undo", "undo"),
        Binding("r", "redo", "redo"),
        Binding("x", "refused", "refused"),
        Binding("slash", "ask('find')", "find"),
        Binding("s", "ask('save')", "save"),
        Binding("question_mark", "keys", "keys"),
        Binding("q", "quit", "leave"),
        Binding("ctrl+c", "quit", "leave", show=False, priority=True),
        Binding("escape", "give_up", "give up", show=False, priority=True),
    ]

    def __init__(self, session: Session, *, folder: Path | None = None) -> None:
        super().__init__()
        self.session = session
        #: what went wrong in the view itself
        self.fault: Exception | None = None
        self._folder = folder or Path()
        self._choices: tuple[Choice, ...] = ()
        self._only_refused = False
        self._asked = _FIND
        self._stop = Event()
        self._searching = False

    def compose(self) -> ComposeResult:
        yield Static(id="head")
        yield VerticalScroll(Static(id="now"), id="state", can_focus=False)
        yield Static(id="said")
        yield OptionList(id="steps", compact=True)
        yield Static(id="change")
        yield Input(id="ask", max_length=MAX_LETTERS, compact=True)
        yield Footer()

    def on_mount(self) -> None:
        """Show where it begins."""
        self._show("? tells the keys")
        self.query_one(OptionList).focus()

    def _handle_exception(self, error: Exception) -> None:
        """Whoever started the view tells a fault, in one line."""
        self.fault = self.fault or error
        self.exit()

    # --- what is shown -------------------------------------------------------------------------------

    def _show(self, said: str = "", style: str = "dim") -> None:
        session = self.session
        self.query_one("#head", Static).update(screen.heading(session))
        self.query_one("#now", Static).update(screen.state(session))
        self._say(said, style)
        steps = self.query_one(OptionList)
        steps.clear_options()
        if self._only_refused:
            steps.add_options(Line(screen.refusal(session, each)) for each in session.refused())
        else:
            self._choices = session.choices()
            steps.add_options(Line(screen.choice(session, each)) for each in self._choices)
        steps.highlighted = 0 if steps.option_count else None
        if self._only_refused:
            self.query_one("#change", Static).update(Text("x: what can happen", style="dim"))

    def _say(self, said: str, style: str = "dim") -> None:
        self.query_one("#said", Static).update(Text(one_line(said), style=style))

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show what the step would change."""
        if not self._only_refused and event.option_index < len(self._choices):
            changes = self.session.changes(self._choices[event.option_index])
            self.query_one("#change", Static).update(screen.preview(self.session, changes))

    # --- keys ----------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While it searches, only giving up and leaving."""
        return action in ("give_up", "quit") or not self._searching

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Take the step."""
        if self._only_refused or self._searching:
            return
        broken = self.session.take(self._choices[event.option_index])
        self._show(*_announced(broken))

    def action_undo(self) -> None:
        """Back one step."""
        back = self.session.undo()
        self._show("back; r goes on the same way" if back else "this is where it begins")

    def action_redo(self) -> None:
        """On along the way that was tried last."""
        if self.session.redo():
            self._show(*_announced(self.session.broken()))
        else:
            self._say("nothing was tried from here yet")

    def action_refused(self) -> None:
        """What cannot happen, or what can."""
        self._only_refused = not self._only_refused
        self._show("what cannot happen, and what it needs" if self._only_refused else "what can happen")

    def action_keys(self) -> None:
        """Tell the keys."""
        self.push_screen(Help())

    def action_ask(self, what: str) -> None:
        """Ask for a condition, or for a file."""
        self._asked = what
        ask = self.query_one(Input)
        ask.value, ask.placeholder = "", _ASKS[what]
        ask.display = True
        ask.focus()

    def action_give_up(self) -> None:
        """End the search, or what is typed, or the help."""
        if isinstance(self.screen, Help):
            self.screen.dismiss()
            return
        self._stop.set()
        self._close()

    def _close(self) -> None:
        self.query_one(Input).display = False
        self.query_one(OptionList).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Find, or save."""
        try:
            if self._asked == _FIND:
                self._begin(self.session.sought(event.value))
            else:
                self._save(event.value)
        except (PhraseError, SoughtError, BadInput, OSError) as error:
            self._say(str(error), "bold red")  # and what was typed stays, to be mended
            return
        self._close()

    def _save(self, name: str) -> None:
        path = self._folder / (name or "step.json")
        write(path, self.session.saved())
        self._say(f"run written: {path}; tsofence show {path} tells it")

    # --- looking ahead -------------------------------------------------------------------------------

    def _begin(self, sought: Sought) -> None:
        self._stop.clear()
        self._searching = True
        self._say(f"looking for {sought.meaning} … esc gives up")
        self._search(sought)

    @work(thread=True)
    def _search(self, sought: Sought) -> None:
        try:
            looked = Looked(sought, self.session.look(sought, stop=self._stop.is_set))
        except ValueError as error:
            looked = Looked(sought, None, str(error))
        self.post_message(looked)  # which nobody hears who has left meanwhile

    def on_looked(self, event: Looked) -> None:
        """Go there, or say why not."""
        sought, found, why = event.sought, event.found, event.why
        self._searching = False
        if found is None:
            self._say(f"cannot be searched from here: {why}", "bold red")
        elif found.moves is None:
            how = "no more are told apart" if found.all else "others were not looked at"
            self._say(
                f"not found among {found.states:,} states from here ({how}): {sought.meaning}", "bold yellow"
            )
        elif not found.moves:
            self._say(f"this state is so: {sought.meaning}", "bold green")
        else:
            self.session.go(found.moves)
            self._only_refused = False
            many = len(found.moves)
            said = f"{many} step{'s' * (many != 1)} on: {sought.meaning}; u goes back"
            broken = self.session.broken()
            self._show(*(_announced(broken) if broken else (said, "bold green")))

    def on_unmount(self) -> None:
        """Nothing is looked for any more."""
        self._stop.set()


def _announced(broken: tuple[str, ...]) -> tuple[str, str]:
    """What is said after a step."""
    return (f"this step breaks {', '.join(broken)}", "bold red") if broken else ("", "dim")


def stepped(session: Session) -> None:
    """Let somebody step through it, until they leave.

    Raises:
        Exception: whatever went wrong in the view.
    """
    app = Stepping(session)
    app.run()
    if app.fault is not None:
        raise app.fault
