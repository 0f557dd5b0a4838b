"""Words that pet names are made of: short, kind, lower case, no two alike."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ADVERBS = _words(
    """
    boldly bravely brightly busily calmly cheerfully cleverly closely deeply eagerly early easily evenly
    fairly firmly fondly freely freshly fully gently gladly gracefully happily highly honestly humbly
    jointly joyfully justly keenly kindly lately lightly lively loudly loyally merrily mildly mostly
    nearly neatly newly nicely openly patiently plainly politely possibly promptly proudly purely
    quickly quietly rarely readily really richly safely silently simply sincerely slowly smoothly softly
    solidly soundly steadily strongly suitably surely swiftly tenderly truly usually vastly warmly
    wholly widely wisely
    """
)
ADJECTIVES = _words(
    """
    able agile amber ample apt awake azure balanced blithe bold brave breezy bright brisk calm candid
    careful casual cheerful civil clean clear clever cordial cosmic cosy crisp curious dapper daring
    dear decent deft direct distinct eager earnest easy elated elegant eminent engaged equal exact fair
    faithful famous fancy fast fine firm fit fleet fond frank free fresh gallant gentle giving glad
    golden good grand grateful happy hardy helpful honest humble ideal immense jolly joyful just keen
    kind known lasting light lively loved loyal lucid lucky mellow merry mighty mint modern modest moral
    neat nimble noble novel open patient peaceful plucky polite prime proper proud pure quick quiet
    rapid rare ready regal robust rosy safe sage serene sharp shining simple sincere smart smooth snug
    solid sound stable steady stellar still strong subtle sunny sure swift tender tidy trim true trusty
    upbeat useful valid vast vital vivid warm wealthy whole wise witty worthy young zesty
    """
)
ANIMALS = _words(
    """
    alpaca ant antelope ape badger bat bear beaver bee beetle bengal bird bison bobcat bonobo buck
    buffalo bull bunny camel caribou carp cat catfish cheetah chicken chipmunk civet cobra cod colt
    condor corgi cougar cow coyote crab crane cricket crow cub deer dingo doe dog dolphin donkey dove
    duck duckling eagle egret eel elephant elk emu ermine falcon fawn ferret finch firefly fish flamingo
    foal fox frog gannet garfish gazelle gecko gibbon giraffe goat goose gopher grouse gull hamster hare
    hawk hedgehog hen heron herring hippo horse husky ibex ibis iguana impala insect jackal jaguar jay
    kangaroo kite kitten kiwi koala lamb lark lemming lemur leopard liger lion lizard llama lobster lynx
    macaw magpie mako mallard mammoth marlin marmot marten martin mole moose mouse mule narwhal newt
    ocelot octopus orca oriole osprey otter owl oxen panda panther parrot peacock pelican penguin perch
    pheasant pig pigeon pika pony poodle puffin pug puma python quail rabbit raccoon ram raven reindeer
    robin rooster salmon seal shrew shrimp skylark sloth snail sparrow spaniel squid squirrel stag
    starfish stork swan tapir tarpon teal tern terrier tiger toad tortoise trout tuna turkey turtle
    viper vole wallaby walrus weasel whale wildcat wolf wombat wren yak zebra
    """
)
